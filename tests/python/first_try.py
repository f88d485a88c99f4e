"""What a first chat server often looks like. It works when two people try it, and it is wrong.

    python3 first_try.py PORT

docs/testing-your-server.md shows what the simulator says about it, one mistake after the other.
"""

import socket
import sys
import threading

groups = {}  # id: (password, [(name, connection), ...])


def ask(connection, question):
    connection.send(f"{question}\n".encode())
    return connection.recv(1024).decode().strip()


def broadcast(group, message):
    for name, connection in groups[group][1]:
        connection.send(f"{message}\n".encode())


def handle(connection, group, name):
    while True:
        message = connection.recv(1024).decode().strip()
        broadcast(group, message)


def serve(port):
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen()
    print("Server is listening")
    while True:
        connection, address = listener.accept()
        group = int(ask(connection, "enter group chat id:"))
        name = ask(connection, "alias?")
        password = ask(connection, "password?")
        if ask(connection, "option?") == "2":
            group = len(groups) + 2
            groups[group] = (password, [])
            connection.send(f"THE NEWLY CREATED CHAT ID IS {group} \n".encode())
        elif group not in groups or groups[group][0] != password:
            connection.send(b"disconnect\n")
            connection.close()
            continue
        groups[group][1].append((name, connection))
        broadcast(group, f"{name} has connected to the chat room")
        connection.send(b"YOU ARE NOW CONNECTED TO THE CHAT\n")
        threading.Thread(target=handle, args=(connection, group, name), daemon=True).start()


serve(int(sys.argv[1]) if len(sys.argv) > 1 else 59000)
