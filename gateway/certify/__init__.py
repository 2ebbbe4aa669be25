"""`gateway certify`: sixteen ways in which a provider can fail, and whether the gateway in its configuration survives
them. A real gateway, a real misbehaving provider and a real client talk over loopback; nothing else is asked."""

from gateway.certify.configuration import Configuration, configuration
from gateway.certify.report import document, table
from gateway.certify.run import Result, run
from gateway.certify.scenarios import SCENARIOS, Scenario, chosen

__all__ = ["SCENARIOS", "Configuration", "Result", "Scenario", "chosen", "configuration", "document", "run", "table"]
