"""Studio: Qwen, Wan and their kind make game assets on the hardware that is here."""
