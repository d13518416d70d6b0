"""Arrays in, frozen records out; this room knows no table and no study."""
