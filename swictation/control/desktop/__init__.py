"""What else the desktop offers: notifications, sounds, screen lock, sleep."""
