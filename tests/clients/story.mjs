// The story of the memory server, for every version of the official TypeScript SDK.

import assert from 'node:assert/strict';
import path from 'node:path';

export const RESOURCE = 'memory://knowledge-graph';
const NINE = [
    'create_entities', 'create_relations', 'add_observations', 'delete_entities', 'delete_observations',
    'delete_relations', 'read_graph', 'search_nodes', 'open_nodes',
];
const PATIENCE = 20_000;

/** How a server is started: what both versions of the SDK take. */
export function server(program, directory) {
    const env = { ...process.env, MEMORY_FILE_PATH: path.join(directory, 'memory.jsonl') };
    return { command: program, args: ['serve'], env };
}

const entity = (name, ...observations) => ({ name, entityType: 'person', observations });

async function call(client, name, args) {
    const result = await client.callTool({ name, arguments: args });
    assert.ok(!result.isError, `${name} fails: ${JSON.stringify(result.content)}`);
    return result.structuredContent;
}

async function refused(client, name, args) {
    let result;
    try {
        result = await client.callTool({ name, arguments: args });
    } catch (error) {
        return error.message;
    }
    assert.ok(result.isError, `${name} should fail`);
    return result.content[0].text;
}

async function changes(one, other) {
    const created = await call(one, 'create_entities', { entities: [entity('Ada', 'flies'), entity('Bob')] });
    assert.deepEqual(created.entities.map(found => found.name), ['Ada', 'Bob']);
    const again = await call(other, 'create_entities', { entities: [entity('Ada', 'swims')] });
    assert.deepEqual(again, { entities: [] }, 'the other server knows what the first one created');
    const relation = { from: 'Ada', to: 'Bob', relationType: 'knows' };
    assert.deepEqual(await call(other, 'create_relations', { relations: [relation] }), { relations: [relation] });
    const observations = [{ entityName: 'Ada', contents: ['sings'] }];
    const added = await call(other, 'add_observations', { observations });
    assert.deepEqual(added, { results: [{ entityName: 'Ada', addedObservations: ['sings'] }] });
    return { entities: [entity('Ada', 'flies', 'sings'), entity('Bob')], relations: [relation] };
}

async function reads(client, graph) {
    assert.deepEqual(await call(client, 'read_graph', {}), graph, 'the first server reads what the other one added');
    const found = await call(client, 'search_nodes', { query: 'SING' });
    assert.deepEqual(found.entities.map(entity => entity.name), ['Ada']);
    const opened = await call(client, 'open_nodes', { names: ['Bob'] });
    assert.deepEqual(opened, { entities: [entity('Bob')], relations: graph.relations });
    const resource = await client.readResource({ uri: RESOURCE });
    assert.deepEqual(JSON.parse(resource.contents[0].text), graph, 'the resource is the graph');
}

async function errors(client) {
    const observations = [{ entityName: 'Eve', contents: ['x'] }];
    assert.match(await refused(client, 'add_observations', { observations }), /Entity with name Eve not found/);
    assert.ok(await refused(client, 'no_such_tool', {}));
    assert.match(await refused(client, 'create_entities', { entities: 'Ada' }), /-32602/);
}

async function toldOfChanges(one, other) {
    let late;
    const patience = new Promise((_, reject) => {
        late = setTimeout(() => reject(new Error('nobody is told of a change of the other server')), PATIENCE);
    });
    const told = new Promise(resolve => one.onUpdated(resolve));
    await one.subscribe();
    await call(other.client, 'create_entities', { entities: [entity('Eve')] });
    await Promise.race([told, patience]);
    clearTimeout(late);
}

async function atOnce(one, other) {
    const names = [one, other].flatMap((client, place) =>
        Array.from({ length: 20 }, (_, number) => ({ client, name: `of ${place}, ${number}` })));
    await Promise.all(names.map(({ client, name }) => call(client, 'create_entities', { entities: [entity(name)] })));
    const graph = await call(one, 'read_graph', {});
    const there = new Set(graph.entities.map(entity => entity.name));
    assert.deepEqual(names.filter(({ name }) => !there.has(name)).map(({ name }) => name), [], 'acknowledged and gone');
}

async function deletions(one, other) {
    await call(one, 'delete_observations', { deletions: [{ entityName: 'Ada', observations: ['flies'] }] });
    await call(one, 'delete_relations', { relations: [{ from: 'Ada', to: 'Bob', relationType: 'knows' }] });
    await call(other, 'delete_entities', { entityNames: ['Bob'] });
    const opened = await call(one, 'open_nodes', { names: ['Ada', 'Bob'] });
    assert.deepEqual(opened, { entities: [entity('Ada', 'sings')], relations: [] });
}

/** Plays it; `connect` starts a server and answers `{ client, onUpdated, subscribe, version }`. */
export async function play(connect) {
    const [one, other] = [await connect(), await connect()];
    const names = (await one.client.listTools()).tools.map(tool => tool.name);
    assert.deepEqual(NINE.filter(name => !names.includes(name)), [], 'no tool is missing');
    const graph = await changes(one.client, other.client);
    await reads(one.client, graph);
    await errors(one.client);
    await toldOfChanges(one, other);
    await atOnce(one.client, other.client);
    await deletions(one.client, other.client);
    console.log(`the story is told: TypeScript, ${one.version}`);
    await Promise.all([one.client.close(), other.client.close()]);
}
