"""The machine manager: virtual machines, farms, images, placement, upgrades."""
