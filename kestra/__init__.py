"""What Kestra is given: flows, dashboards, and what renders them."""
