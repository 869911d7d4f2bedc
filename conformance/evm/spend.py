"""Spends with web3.py as its documentation has it: argument by argument, and tells what became of each in a line of JSON."""

import json
import sys

from web3 import Web3
from web3.exceptions import Web3RPCError

url, token, sender, to, *values = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
w3 = Web3(Web3.HTTPProvider(url, request_kwargs={"headers": headers}))
assert Web3.to_checksum_address(sender) in [Web3.to_checksum_address(account) for account in w3.eth.accounts]

for value in values:
    try:
        sent = w3.eth.send_transaction({"from": sender, "to": to, "value": int(value)})
        receipt = w3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.1)
        print(json.dumps({"hash": "0x" + bytes(sent).hex(), "status": receipt["status"]}))
    except Web3RPCError as refused:
        print(json.dumps({"refused": str(refused)}))
print(json.dumps({"balance": str(w3.eth.get_balance(to))}))
