"""`aimx upgrade`: another program file in the place of this one, and the service on it; or everything as it was.

semver.py, manifest.py, sums.py and plan.py compute. fetch.py and archive.py bring the program; place.py exchanges it,
so that at every instant a program that works lies at its path; switch.py carries out the plan, or takes it back.
"""
