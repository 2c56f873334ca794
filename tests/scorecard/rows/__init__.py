"""The ten rows. Each module owns one scenario and exports ROW."""
