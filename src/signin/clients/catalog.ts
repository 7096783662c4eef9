/** A client that is known without being configured. */
export interface KnownClient {
  /** What policy knows it by. */
  readonly name: string
  /** What pages call it. */
  readonly title: string
  /** Redirect URIs; a last `*` stands for one segment. */
  readonly redirects: readonly string[]
  /** Its client ID metadata documents, with what was read there: some refuse to be fetched by a server. */
  readonly documents: readonly KnownDocument[]
}

export interface KnownDocument {
  readonly id: string
  readonly redirects: readonly string[]
  /** Where its keys are, if it authenticates by `private_key_jwt`. */
  readonly jwks?: string
}

const callback = ['http://localhost/callback', 'http://127.0.0.1/callback']

/**
 * The usual MCP clients, as their vendors document them. Only what a vendor's own host receives gives one of these names
 * (`isExclusive`); the others are here so that such a client can register where registration is `known`.
 */
export const catalog: readonly KnownClient[] = [
  {
    // https://claude.com/docs/connectors/building/authentication; claude.com is announced there as the next host.
    name: 'claude',
    title: 'Claude',
    redirects: ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
    documents: [
      {
        id: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
        redirects: ['https://claude.ai/api/mcp/auth_callback'],
      },
    ],
  },
  {
    // https://code.claude.com/docs/en/mcp: a loopback port of its own, or the one that is configured.
    name: 'claude-code',
    title: 'Claude Code',
    redirects: callback,
    documents: [{ id: 'https://claude.ai/oauth/claude-code-client-metadata', redirects: callback }],
  },
  {
    // https://developers.openai.com/apps-sdk/build/auth: the first where `iss` is answered (RFC 9207), else one of each connector.
    name: 'chatgpt',
    title: 'ChatGPT',
    redirects: [
      'https://chatgpt.com/connector_platform_oauth_redirect',
      'https://chatgpt.com/connector/oauth/*',
    ],
    documents: [
      {
        id: 'https://chatgpt.com/oauth/client.json',
        redirects: ['https://chatgpt.com/connector_platform_oauth_redirect'],
        jwks: 'https://chatgpt.com/oauth/jwks.json',
      },
    ],
  },
  {
    name: 'codex',
    title: 'Codex',
    redirects: callback,
    documents: [{ id: 'https://chatgpt.com/oauth/codex/client.json', redirects: callback }],
  },
  {
    // https://code.visualstudio.com/api/extension-guides/ai/mcp; microsoft/vscode issue 278512 lists what it registers.
    name: 'vscode',
    title: 'Visual Studio Code',
    redirects: [
      'https://vscode.dev/redirect',
      'https://insiders.vscode.dev/redirect',
      'http://127.0.0.1/',
      'http://localhost/',
    ],
    documents: [
      {
        id: 'https://vscode.dev/oauth/client-metadata.json',
        redirects: ['http://127.0.0.1:33418/', 'https://vscode.dev/redirect'],
      },
    ],
  },
  {
    // https://cursor.com/docs/mcp: web and cloud agents, the desktop app, and the desktop app before 3.10.
    name: 'cursor',
    title: 'Cursor',
    redirects: [
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
      'cursor://anysphere.cursor-mcp/oauth/callback',
    ],
    documents: [],
  },
  {
    // https://github.com/modelcontextprotocol/inspector: at whatever port its page is served.
    name: 'mcp-inspector',
    title: 'MCP Inspector',
    redirects: ['http://localhost/oauth/callback', 'http://localhost/oauth/callback/debug'],
    documents: [],
  },
  {
    name: 'zed',
    title: 'Zed',
    redirects: ['http://127.0.0.1/callback'],
    documents: [
      { id: 'https://zed.dev/oauth/client-metadata.json', redirects: ['http://127.0.0.1/callback'] },
    ],
  },
  {
    name: 'opencode',
    title: 'opencode',
    redirects: [...callback, 'http://127.0.0.1/mcp/oauth/callback'],
    documents: [
      {
        id: 'https://opencode.ai/oauth/opencode/client.json',
        redirects: [...callback, 'http://127.0.0.1/mcp/oauth/callback'],
      },
    ],
  },
]
