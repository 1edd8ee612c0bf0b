"""Numbers about routers: quality against cost, calibration, certificates. No files, no models."""
