"""Plays the story of the memory server with the official Python SDK, in one era of the protocol.

Usage: story.py ERA PROGRAM DIRECTORY, where ERA is `legacy` or a version such as `2026-07-28`.
"""

import asyncio
import json
import os
import sys
import warnings

from mcp import Client, MCPError, StdioServerParameters

RESOURCE = "memory://knowledge-graph"
NINE = {
    "create_entities", "create_relations", "add_observations", "delete_entities", "delete_observations",
    "delete_relations", "read_graph", "search_nodes", "open_nodes",
}
PATIENCE = 20


def connection(era, program, directory, told):
    async def handler(message):
        if getattr(message, "method", None) == "notifications/resources/updated":
            told.set()

    environment = dict(os.environ, MEMORY_FILE_PATH=os.path.join(directory, "memory.jsonl"))
    server = StdioServerParameters(command=program, args=["serve"], env=environment)
    # What is cached here would say nothing about the server.
    return Client(server, mode=era, message_handler=handler, cache=None, read_timeout_seconds=PATIENCE)


async def call(client, tool, arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, f"{tool} fails: {result.content}"
    return result.structured_content


async def refused(client, tool, arguments):
    try:
        result = await client.call_tool(tool, arguments)
    except MCPError as error:
        return str(error)
    assert result.is_error, f"{tool} should fail and answers {result.structured_content}"
    return result.content[0].text


def entity(name, *observations):
    return {"name": name, "entityType": "person", "observations": list(observations)}


async def changes(one, other):
    created = await call(one, "create_entities", {"entities": [entity("Ada", "flies"), entity("Bob")]})
    assert [found["name"] for found in created["entities"]] == ["Ada", "Bob"], created
    again = await call(other, "create_entities", {"entities": [entity("Ada", "swims")]})
    assert again == {"entities": []}, "the other server knows what the first one created"
    relation = {"from": "Ada", "to": "Bob", "relationType": "knows"}
    assert await call(other, "create_relations", {"relations": [relation]}) == {"relations": [relation]}
    added = await call(other, "add_observations", {"observations": [{"entityName": "Ada", "contents": ["sings"]}]})
    assert added == {"results": [{"entityName": "Ada", "addedObservations": ["sings"]}]}, added
    return {"entities": [entity("Ada", "flies", "sings"), entity("Bob")], "relations": [relation]}


async def reads(client, graph):
    assert await call(client, "read_graph", {}) == graph, "the first server reads what the other one added"
    found = await call(client, "search_nodes", {"query": "SING"})
    assert [entity["name"] for entity in found["entities"]] == ["Ada"], found
    opened = await call(client, "open_nodes", {"names": ["Bob"]})
    assert opened == {"entities": [entity("Bob")], "relations": graph["relations"]}, opened
    resource = await client.read_resource(RESOURCE)
    assert json.loads(resource.contents[0].text) == graph, "the resource is the graph"


async def errors(client):
    text = await refused(client, "add_observations", {"observations": [{"entityName": "Eve", "contents": ["x"]}]})
    assert "Entity with name Eve not found" in text, text
    assert await refused(client, "no_such_tool", {})
    assert "-32602" in await refused(client, "create_entities", {"entities": "Ada"})


async def told_of_changes(era, one, other, told):
    async def change():
        await call(other, "create_entities", {"entities": [entity("Eve")]})

    if era == "legacy":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await one.subscribe_resource(RESOURCE)
        await change()
        await asyncio.wait_for(told.wait(), PATIENCE)
        return
    async with one.listen(resource_subscriptions=[RESOURCE]) as subscription:
        await change()
        event = await asyncio.wait_for(anext(aiter(subscription)), PATIENCE)
        assert event.uri == RESOURCE, event


async def at_once(one, other):
    calls = [
        call(client, "create_entities", {"entities": [entity(f"of {place}, {number}")]})
        for place, client in enumerate([one, other])
        for number in range(20)
    ]
    await asyncio.gather(*calls)
    names = {entity["name"] for entity in (await call(one, "read_graph", {}))["entities"]}
    missing = {f"of {place}, {number}" for place in range(2) for number in range(20)} - names
    assert not missing, f"acknowledged and gone: {missing}"


async def deletions(one, other):
    await call(one, "delete_observations", {"deletions": [{"entityName": "Ada", "observations": ["flies"]}]})
    await call(one, "delete_relations", {"relations": [{"from": "Ada", "to": "Bob", "relationType": "knows"}]})
    await call(other, "delete_entities", {"entityNames": ["Bob"]})
    opened = await call(one, "open_nodes", {"names": ["Ada", "Bob"]})
    assert opened == {"entities": [entity("Ada", "sings")], "relations": []}, opened


async def play(era, program, directory):
    told = asyncio.Event()
    one, other = connection(era, program, directory, told), connection(era, program, directory, asyncio.Event())
    async with one, other:
        names = {tool.name for tool in (await one.list_tools()).tools}
        assert NINE <= names, f"missing: {NINE - names}"
        graph = await changes(one, other)
        await reads(one, graph)
        await errors(one)
        await told_of_changes(era, one, other, told)
        await at_once(one, other)
        await deletions(one, other)
        print(f"the story is told: Python, protocol {one.protocol_version}")


if __name__ == "__main__":
    asyncio.run(play(*sys.argv[1:]))
