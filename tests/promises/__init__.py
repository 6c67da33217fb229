"""The promises: one file each, against real servers that are broken while clients write; one hub for those that break servers."""
