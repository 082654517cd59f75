"""Mail on disk and our own state: the only code below data_dir."""
