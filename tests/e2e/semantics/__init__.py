"""The cases of kafka_semantics.py: requests that are sent to two brokers, and how their answers are compared."""
