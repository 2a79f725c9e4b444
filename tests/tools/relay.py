"""Takes plain connections and carries them to the data listener over TLS with a client certificate:
most tools cannot show one. Usage: relay.py PORT PKI PARTY ALPN; prints the port it listens on."""

import asyncio
import ssl
import sys

port, pki, party, alpn = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=f"{pki}/ca.pem")
context.load_cert_chain(f"{pki}/parties/{party}/cert.pem", f"{pki}/parties/{party}/key.pem")
context.set_alpn_protocols([alpn])


async def carry(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def relay(reader, writer):
    try:
        there, back = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except (ConnectionError, ssl.SSLError):
        writer.close()
        return
    await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)


async def main():
    server = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
