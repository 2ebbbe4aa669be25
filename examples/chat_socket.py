"""A websocket for local runs and `--dev` (A003-10). The platform carries none: offer a streaming cord beside it.

Corrected: the documented example closes a socket that its client has closed already, which raises.
"""

from fastapi import WebSocket, WebSocketDisconnect
from toy_model import ToyModel

from gateway.chute.chute import GatewayChute

chute = GatewayChute(username="mycompany", name="chat-socket", image="mycompany/chat-socket:1")


@chute.on_startup()
async def load_model(self):
    self.model = ToyModel()
    await self.model.load()


@chute.websocket("/chat")
async def websocket_chat(self, websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive_text()
            await websocket.send_text(await self.model.generate(message))
    except WebSocketDisconnect:
        return
    except Exception as error:
        self.logger.error(f"WebSocket error: {error}")
        await websocket.close(code=1011)


if __name__ == "__main__":
    chute.run_local(host="127.0.0.1", port=8080)
