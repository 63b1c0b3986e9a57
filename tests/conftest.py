"""What every test shares."""

from hypothesis import HealthCheck, settings

# Machines that test this are small and shared: how long an example takes there says nothing about the code.
settings.register_profile("tenku", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("tenku")
