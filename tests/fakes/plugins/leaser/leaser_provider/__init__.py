"""A provider whose sessions share a service."""
