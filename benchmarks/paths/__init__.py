"""The paths that are measured, one file each."""
