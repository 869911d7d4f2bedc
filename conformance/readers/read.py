"""What Python finds in a query and a body: a line of JSON for each of both that are read, null if it finds no JSON."""
import json
import sys
from urllib.parse import parse_qs


def form(text):
    return {name: values if len(values) > 1 else values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


for line in sys.stdin:
    query, body, kind = json.loads(line)
    try:
        read = [form(query), json.loads(body, parse_float=str, parse_constant=str) if kind == "json" else form(body)]
    except ValueError:
        read = None
    print(json.dumps(read))
