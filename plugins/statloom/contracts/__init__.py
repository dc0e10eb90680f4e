"""Contracts: the declaration of each source, from YAML files to the tables that hold its deliveries."""

from statloom.contracts.loading import contract_files, load, load_all, load_file
from statloom.contracts.model import Contract
from statloom.contracts.registration import register

__all__ = ["Contract", "contract_files", "load", "load_all", "load_file", "register"]
