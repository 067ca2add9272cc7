"""The version of dr_sim: the one place where it is written."""

VERSION = "0.1.0"
