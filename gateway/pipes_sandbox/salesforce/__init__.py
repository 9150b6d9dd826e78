"""Salesforce REST: SOQL really evaluated, records really changed."""
