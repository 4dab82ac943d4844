"""The feature families, one module each; `regenre.features.family` defines their interface."""
