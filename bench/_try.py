from bench import exporters, programs, emit
old=programs.environment
programs.environment=lambda state: old(state)|{"PYTHONPATH":"/tmp/w/export/src"}
for f in exporters.measure(): print(f.row(), flush=True)
