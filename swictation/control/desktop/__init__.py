"""The daemon on the desktop: notifications, sounds, screen lock, sleep."""
