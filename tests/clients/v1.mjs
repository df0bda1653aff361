// Usage: node v1.mjs PROGRAM DIRECTORY: the story with version 1 of the SDK, which speaks up to 2025-11-25.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { RESOURCE, play, server } from './story.mjs';

const [program, directory] = process.argv.slice(2);

await play(async () => {
    const client = new Client({ name: 'story', version: '1' });
    await client.connect(new StdioClientTransport(server(program, directory)));
    return {
        client,
        onUpdated: tell => client.setNotificationHandler(ResourceUpdatedNotificationSchema, tell),
        subscribe: () => client.subscribeResource({ uri: RESOURCE }),
        version: 'SDK 1',
    };
});
