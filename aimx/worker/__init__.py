"""A process that computes on hostile octets and holds nothing."""
