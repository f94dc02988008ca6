"""How the daemon is asked, watched and heard of: D-Bus, notifications, cues, the screen lock."""
