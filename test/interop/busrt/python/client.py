"""A BUS/RT client under the control of a test: one command per line of standard input, one answer
per line of standard output, and lines for what arrives in between. Bytes are written as hex.

    client.py sync|async ADDRESS

`driven.ts` is the other end and lists the commands.
"""

import asyncio
import json
import sys
import threading

kind, address = sys.argv[1], sys.argv[2]
output_lock = threading.Lock()

# Seconds; the libraries' own second is short on a busy machine.
patience = 30


def tell(line):
    with output_lock:
        sys.stdout.write(json.dumps(line) + '\n')
        sys.stdout.flush()


def tell_frame(frame):
    kinds = {0x01: 'publication', 0x12: 'message', 0x13: 'broadcast'}
    tell({
        'event': kinds[frame.type],
        'sender': frame.sender,
        'primary': frame.primary_sender,
        'topic': frame.topic,
        'payload': frame.payload.hex(),
    })


def tell_notification(event):
    tell({
        'event': 'notification',
        'sender': event.frame.sender,
        'payload': event.get_payload().hex(),
    })


def answer_call(event, failure):
    """What every service of these tests does: `echo`, `fail` with a code of its own, `crash`."""
    method = event.method.decode()
    tell({
        'event': 'call',
        'sender': event.frame.sender,
        'method': method,
        'payload': event.get_payload().hex(),
    })
    if method == 'echo':
        return event.get_payload()
    if method == 'fail':
        raise failure('no luck', 1234)
    if method == 'crash':
        raise ValueError('something broke')
    return None


class SyncClient:

    def __init__(self):
        import busrt
        self.library = busrt
        self.rpc = None
        self.client = None

    def connect(self, command):
        client = self.library.client.Client(address, command['name'])
        client.timeout = patience
        client.connect()
        self.client = client
        if command.get('rpc'):
            self.rpc = self.library.rpc.Rpc(client)
            self.rpc.on_frame = tell_frame
            self.rpc.on_notification = tell_notification
            self.rpc.on_call = lambda event: answer_call(event, self.library.rpc.RpcException)
        else:
            client.on_frame = tell_frame

    def _send(self, frame_type, target, command):
        payload = bytes.fromhex(command['payload'])
        frame = self.library.client.Frame(payload, tp=frame_type, qos=command['qos'])
        return self.client.send(target, frame).wait_completed(timeout=patience)

    def send(self, command):
        return self._send(self.library.client.OP_MESSAGE, command['target'], command)

    def broadcast(self, command):
        return self._send(self.library.client.OP_BROADCAST, command['target'], command)

    def publish(self, command):
        return self._send(self.library.client.OP_PUBLISH, command['topic'], command)

    def subscribe(self, command):
        return self.client.subscribe(command['topics']).wait_completed(timeout=patience)

    def unsubscribe(self, command):
        return self.client.unsubscribe(command['topics']).wait_completed(timeout=patience)

    def _request(self, command):
        return self.library.rpc.Request(command['method'], bytes.fromhex(command['payload']))

    def call(self, command):
        try:
            event = self.rpc.call(command['target'], self._request(command))
            return {'payload': event.wait_completed(timeout=patience).get_payload().hex()}
        except self.library.rpc.RpcException as error:
            return rpc_failure(error)

    def call0(self, command):
        return self.rpc.call0(command['target'], self._request(command)).wait_completed(timeout=patience)

    def notify(self, command):
        note = self.library.rpc.Notification(bytes.fromhex(command['payload']))
        return self.rpc.notify(command['target'], note).wait_completed(timeout=patience)

    def disconnect(self, command):
        self.client.disconnect()


class AsyncClient:

    def __init__(self):
        import busrt_async
        self.library = busrt_async
        self.rpc = None
        self.client = None

    async def connect(self, command):
        client = self.library.client.Client(address, command['name'])
        client.timeout = patience
        await client.connect()
        self.client = client
        if command.get('rpc'):
            self.rpc = self.library.rpc.Rpc(client)
            self.rpc.on_frame = as_coroutine(tell_frame)
            self.rpc.on_notification = as_coroutine(tell_notification)
            self.rpc.on_call = as_coroutine(
                lambda event: answer_call(event, self.library.rpc.RpcException))
        else:
            client.on_frame = as_coroutine(tell_frame)

    async def _send(self, frame_type, target, command):
        payload = bytes.fromhex(command['payload'])
        frame = self.library.client.Frame(payload, tp=frame_type, qos=command['qos'])
        return await (await self.client.send(target, frame)).wait_completed(timeout=patience)

    async def send(self, command):
        return await self._send(self.library.client.OP_MESSAGE, command['target'], command)

    async def broadcast(self, command):
        return await self._send(self.library.client.OP_BROADCAST, command['target'], command)

    async def publish(self, command):
        return await self._send(self.library.client.OP_PUBLISH, command['topic'], command)

    async def subscribe(self, command):
        return await (await self.client.subscribe(command['topics'])).wait_completed(timeout=patience)

    async def unsubscribe(self, command):
        return await (await self.client.unsubscribe(command['topics'])).wait_completed(timeout=patience)

    def _request(self, command):
        return self.library.rpc.Request(command['method'], bytes.fromhex(command['payload']))

    async def call(self, command):
        try:
            event = await self.rpc.call(command['target'], self._request(command))
            return {'payload': (await event.wait_completed(timeout=patience)).get_payload().hex()}
        except self.library.rpc.RpcException as error:
            return rpc_failure(error)

    async def call0(self, command):
        sent = await self.rpc.call0(command['target'], self._request(command))
        return await sent.wait_completed(timeout=patience)

    async def notify(self, command):
        note = self.library.rpc.Notification(bytes.fromhex(command['payload']))
        return await (await self.rpc.notify(command['target'], note)).wait_completed(timeout=patience)

    async def disconnect(self, command):
        await self.client.disconnect()


def as_coroutine(function):

    async def coroutine(argument):
        return function(argument)

    return coroutine


def rpc_failure(error):
    payload = error.rpc_error_payload
    text = payload.decode() if isinstance(payload, bytes) else payload
    return {'code': error.rpc_error_code, 'text': text}


def run_sync():
    client = SyncClient()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            tell({'result': getattr(client, command['do'])(command)})
        except Exception as error:
            tell({'error': f'{type(error).__name__}: {error}'})


async def run_async():
    client = AsyncClient()
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        command = json.loads(line)
        try:
            tell({'result': await getattr(client, command['do'])(command)})
        except Exception as error:
            tell({'error': f'{type(error).__name__}: {error}'})


if kind == 'sync':
    run_sync()
else:
    asyncio.run(run_async())
