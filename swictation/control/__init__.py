"""How others talk to the daemon and hear from it: D-Bus, notifications, cues, screen lock."""
