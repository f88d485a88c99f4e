"""A chat server in Python that keeps to docs/protocol.md: what a student's server comes to in the end.

    python3 line_server.py PORT [HOST]

Standard library only. One thread: asyncio waits for everybody at once, so nothing needs a lock, one silent
client stops nobody else from joining, and everything that is said in a group passes through one place,
`Group.tell`, which is what gives all members one order.
"""

import asyncio
import logging
import signal
import sys
import unicodedata

MAX_MESSAGE = 1024
MAX_BACKLOG = 1024 * 1024
HANDSHAKE_SECONDS = 60
LINGER_SECONDS = 2


class Refused(Exception):
    """An answer or a message that breaks a rule, in words for who sent it."""


class Lines:
    """Cuts what arrives into lines, whatever pieces it arrives in: recv() knows nothing of lines."""

    def __init__(self, reader):
        self.reader = reader
        self.waiting = b""
        self.dropped = 0  # bytes of a line that is too long, which are not kept

    async def next(self):
        """The next line that is not empty, or None at the end; raises Refused where it is too long."""
        while True:
            line, end, rest = self.waiting.partition(b"\n")
            if end:
                self.waiting = rest
                line = line.removesuffix(b"\r")
                length, self.dropped = self.dropped + len(line), 0
                if length > MAX_MESSAGE:
                    raise Refused(f"it has {length} bytes and the limit is {MAX_MESSAGE}")
                if line:
                    return line
                continue
            if len(self.waiting) > MAX_MESSAGE + 1:
                # One byte stays: it may be the carriage return before the line feed.
                self.dropped += len(self.waiting) - 1
                self.waiting = self.waiting[-1:]
            arrived = await self.reader.read(4096)
            if not arrived:
                return None
            self.waiting += arrived


def text_of(line):
    """The text of a line; raises Refused where it is none."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"it is not valid UTF-8 from byte {error.start + 1} on") from None
    for c in text:
        if unicodedata.category(c) == "Cc" and c != "\t":
            raise Refused(f"it has the control character {ord(c)}")
    return text


def group_id_of(line):
    text = line.decode("ascii", "replace")
    if not text.isdecimal() or not text.isascii() or len(text) > 10 or int(text) > 0xFFFFFFFF:
        raise Refused("a group id is a decimal number of at most 10 digits")
    return int(text)


def name_of(line):
    name = text_of(line)
    if not 1 <= len(name) <= 32:
        raise Refused("a name has 1 to 32 characters")
    if ":" in name or "\t" in name:
        raise Refused("a name has no colon and no tab in it")
    if name != name.strip():
        raise Refused("a name neither begins nor ends with white space")
    if any(unicodedata.category(c) in ("Cf", "Zl", "Zp") for c in name):
        raise Refused("a name has no invisible characters in it")
    return name


def password_of(line):
    password = text_of(line)
    if len(line) > 128:
        raise Refused("a password has at most 128 bytes")
    return password


def option_of(line):
    if line not in (b"1", b"2", b"3"):
        raise Refused("the options are 1 to join a group, 2 to create one and 3 to disconnect")
    return line.decode()


QUESTIONS = [
    ("enter group chat id:", group_id_of),
    ("alias?", name_of),
    ("password?", password_of),
    ("option?", option_of),
]


class Group:
    """A group: it outlives its members, and keeps its password with its id, in one place."""

    def __init__(self, number, password):
        self.number = number
        self.password = password
        self.members = []

    def tell(self, line):
        for member in list(self.members):
            member.send(line)


class Member:
    def __init__(self, name, writer):
        self.name = name
        self.writer = writer

    def send(self, line):
        # write() never waits: what the socket does not take is kept, and this bounds it.
        self.writer.write(line.encode() + b"\n")
        if self.writer.transport.get_write_buffer_size() > MAX_BACKLOG:
            logging.warning("%s is cut off: it does not read", self.name)
            self.writer.transport.abort()


class Server:
    def __init__(self):
        self.groups = {}
        self.names = set()
        self.active = 0

    async def serve(self, reader, writer):
        self.active += 1
        logging.info("accepted %s, %d active", writer.get_extra_info("peername"), self.active)
        try:
            await self.converse(Lines(reader), writer)
        except (ConnectionError, OSError):
            pass  # it is gone, and who has to know was told on the way out
        finally:
            self.active -= 1
            writer.close()

    async def converse(self, lines, writer):
        try:
            answers = await asyncio.wait_for(self.ask(lines, writer), HANDSHAKE_SECONDS)
        except asyncio.TimeoutError:
            answers = await self.dismiss(lines, writer, "disconnect")
        if answers is None:
            return
        number, name, password, option = answers
        if option == "3":
            return await self.dismiss(lines, writer, "disconnect option")
        if option == "1":
            group, why = self.find(number, password)
            if why:
                logging.info("%s: group %d was asked for as %s", why, number, name)
                return await self.dismiss(lines, writer, "disconnect")
        else:
            group = Group(len(self.groups) + 2, password)
            self.groups[group.number] = group
        await self.admit(lines, writer, group, name, option == "2")

    async def ask(self, lines, writer):
        """The four answers, or None where the client is gone or one of them was refused."""
        answers = []
        for question, check in QUESTIONS:
            say(writer, question)
            try:
                line = await lines.next()
                if line is None:
                    return None
                answers.append(check(line))
            except Refused as why:
                farewell = "wrong option" if question == "option?" else "disconnect"
                return await self.dismiss(lines, writer, f"answer refused, {why}", farewell)
        return answers

    async def dismiss(self, lines, writer, *last_words):
        for line in last_words:
            say(writer, line)
        # Closing a socket with unread bytes in it would reset it, and destroy the last words.
        writer.write_eof()
        try:
            await asyncio.wait_for(drop_all(lines.reader), LINGER_SECONDS)
        except asyncio.TimeoutError:
            pass

    def find(self, number, password):
        """The group, or why it may not be joined, looked for in this order."""
        if all(group.password != password for group in self.groups.values()):
            return None, "No such password"
        if number not in self.groups:
            return None, "No such id"
        if self.groups[number].password != password:
            return None, "unmatching password"
        return self.groups[number], None

    def free_name(self, asked):
        count, name = 0, asked
        while name in self.names:
            count += 1
            name = f"{asked}+{count}-"
        return name

    async def admit(self, lines, writer, group, asked, is_creator):
        member = Member(self.free_name(asked), writer)
        self.names.add(member.name)
        group.members.append(member)
        if is_creator:
            member.send(f"THE NEWLY CREATED CHAT ID IS {group.number} ")
        group.tell(f"{member.name} has connected to the chat room")
        member.send("YOU ARE NOW CONNECTED TO THE CHAT")
        try:
            await self.listen(lines, group, member, asked)
        finally:
            # Whatever ended it: first out of the list, then the others are told.
            group.members.remove(member)
            self.names.remove(member.name)
            group.tell(f"{member.name} has left the chat room!")

    async def listen(self, lines, group, member, asked):
        while True:
            try:
                line = await lines.next()
                if line is None:
                    return
                text = text_of(line)
            except Refused as why:
                member.send(f"message refused, {why}")
                continue
            for own in (member.name, asked):
                if text.startswith(f"{own}: "):
                    text = text[len(own) + 2 :]
                    break
            # The server knows who sends, and believes nobody's word for it.
            group.tell(f"{member.name}: {text}")


def say(writer, line):
    writer.write(line.encode() + b"\n")


async def drop_all(reader):
    while await reader.read(4096):
        pass


async def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 59000
    host = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # reuse_address: else the port stays taken for a minute after the server has ended.
    server = await asyncio.start_server(
        Server().serve, host, port, backlog=1024, reuse_address=True, limit=64 * 1024
    )
    logging.info("Server is listening on %s port %d", host, port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()


asyncio.run(main())
