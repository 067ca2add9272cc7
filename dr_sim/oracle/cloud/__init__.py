"""The witness of the cloud manager: what must never happen, checked in every run."""
