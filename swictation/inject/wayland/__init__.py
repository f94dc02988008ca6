"""Text into the focused window under wlroots compositors (sway, Hyprland, labwc, river...)."""
