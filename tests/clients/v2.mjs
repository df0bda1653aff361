// Usage: node v2.mjs PROGRAM DIRECTORY VERSION: the story with version 2 of the SDK, `legacy` or a version such as
// `2026-07-28`.

import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { RESOURCE, play, server } from './story.mjs';

const [program, directory, version] = process.argv.slice(2);
const legacy = version === 'legacy';

await play(async () => {
    const mode = legacy ? 'legacy' : { pin: version };
    const client = new Client({ name: 'story', version: '1' }, { versionNegotiation: { mode } });
    await client.connect(new StdioClientTransport(server(program, directory)));
    return {
        client,
        onUpdated: tell => client.setNotificationHandler('notifications/resources/updated', tell),
        subscribe: () =>
            legacy ? client.subscribeResource({ uri: RESOURCE }) : client.listen({ resourceSubscriptions: [RESOURCE] }),
        version: `SDK 2, protocol ${version}`,
    };
});
