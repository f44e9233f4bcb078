"""What run_table and compare_brokers share: the rows, the programs, the brokers under measure, the tables."""
