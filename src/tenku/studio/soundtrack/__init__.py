"""Sound for a video whose model makes none: what is made, where it begins, and how loud each part is."""
