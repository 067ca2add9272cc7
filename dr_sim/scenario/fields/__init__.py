"""The types of single values: texts with units, instants, names, laws, and their bounds."""
