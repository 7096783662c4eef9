import { describe, expect, it } from 'vitest'
import { canary, faults, type Given, least } from './written.ts'

/** `least` with a line put in another's place. */
function changed(line: string, by: string): string {
  if (!least.includes(line)) throw new Error(`the least configuration has no ${line}`)
  return least.replace(line, by)
}

const exchange = 'exchange: { audience: orders-api, scope: orders.read }'
const read = 'op: "GET /orders/{id}", class: read'

/** Name, configuration, where it is at fault (line:column path), what the fault and the remedy say. */
type Row = readonly [name: string, text: string, place: string, says: RegExp, given?: Given | undefined]

const syntax: readonly Row[] = [
  ['a key that stands twice', `${least}url: https://other.example\n`, '13:1', /stands twice[^]*keep one/],
  ['a tab as indentation', 'a:\n\t- b\n', '2:1', /tab[^]*indent with spaces/],
  ['an anchor', 'a: &x 1\n', '1:7', /anchors and aliases[^]*write the value out/],
  ['an alias bomb', 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n', '1:7', /anchors and aliases/],
  ['an alias of nothing', 'tenant: *nothing\n', '1:9', /anchors and aliases/],
  ['a tag', 'url: !!js/function x\n', '1:6', /tags are not read[^]*remove/],
  ['YAML 1.1', `%YAML 1.1\n---\n${least}`, '1:1', /only YAML 1\.2/],
  ['a second document', `${least}---\na: 1\n`, '13:1', /second document[^]*one document per file/],
  ['a bracket that is not closed', 'allow: [anyone\n', '2:1', /no YAML|indented|missing/],
  [
    'braces in a text without quotes',
    changed(`"GET /orders/{id}"`, 'GET /orders/{id}'),
    '11:27',
    /in quotes/,
  ],
  ['a list as the document', '- a\n', '1:1', /a list[^]*give a map/],
  ['a key that is no text', '? [a]\n: 1\n', '1:3', /a key is a text/],
  ['the key __proto__', '__proto__: { x: 1 }\n', '1:1', /not read[^]*remove/],
]

const shape: readonly Row[] = [
  [
    'an unknown key, with the one that was meant',
    `${least}downstream: {}\n`,
    '13:1 downstream',
    /no known key[^]*did you mean "downstreams"\?/,
  ],
  [
    'an unknown key deep in a map',
    changed('scope: orders.read', 'scopes: orders.read'),
    '9:39 downstreams.orders.exchange.scopes',
    /did you mean "scope"\?/,
  ],
  [
    'a key that this version does not have',
    changed(exchange, 'broker-token: {}'),
    '9:5 downstreams.orders.broker-token',
    /does not have "broker-token"/,
  ],
  [
    'a github-app credential without its app',
    changed(exchange, 'github-app: { key: "file:k", installation: "1" }'),
    '9:5 downstreams.orders.github-app.app',
    /missing/,
  ],
  [
    'a group without quotes',
    changed('["group:crm-users"]', '[group: crm-users]'),
    '4:9 allow[0]',
    /map of one key: group: crm-users[^]*in quotes: - "group:crm-users"/,
  ],
  [
    'a use without quotes',
    `${least}tools: { t: { class: read, uses: [orders GET /orders: x] } }\n`,
    '13:35 tools.t.uses[0]',
    /map of one key: orders GET \/orders: x[^]*in quotes: - "orders GET \/orders: x"/,
  ],
  [
    'an operation as a map of one key',
    changed(`{ ${read} }`, '"GET /orders/{id}": read'),
    '11:9 downstreams.orders.operations[0]',
    /map of one key[^]*write \{ op: "GET \/orders\/\{id\}", class: read \}/,
  ],
  [
    'direct as a map of one key',
    changed('direct: [orders]', 'direct: [orders: x]'),
    '5:10 direct[0]',
    /map of one key: orders: x/,
  ],
  [
    'a number where a text belongs',
    changed('id: sallyport', 'id: 17'),
    '2:49 login.client.id',
    /a number[^]*in quotes/,
  ],
  ['a key without a value', changed('url: https://crm.example', 'url:'), '1:1 url', /nothing here/],
  [
    'an unknown class',
    changed('class: read', 'class: reading'),
    '11:35 downstreams.orders.operations[0].class',
    /known words[^]*read, read-sensitive, write, critical or never/,
  ],
  [
    'an operation without a class',
    changed(', class: read', ''),
    '11:9 downstreams.orders.operations[0].class',
    /missing/,
  ],
  [
    'a name with capitals',
    changed('  orders:', '  Orders:'),
    '7:3 downstreams.Orders',
    /no name[^]*use 1 to 63/,
  ],
  ['a tenant that is no slug', `${least}tenant: ACME Corp\n`, '13:1 tenant', /no name/],
  [
    'a span of time that is none',
    `${least}session: { lifetime: 5 minutes }\n`,
    '13:12 session.lifetime',
    /no span of time[^]*5m/,
  ],
  [
    'a listen address of the wrong shape',
    `${least}listen: { egress: { adress: 127.0.0.1:1 } }\n`,
    '13:11 listen.egress.address',
    /missing/,
  ],
  [
    'a URL with a password',
    changed('https://orders.example', `https://u:${canary}@orders.example`),
    '8:5 downstreams.orders.url',
    /user or password/,
  ],
  [
    'a URL with a query',
    changed('https://idp.example', 'https://idp.example?x=1'),
    '2:10 login.issuer',
    /query or fragment/,
  ],
  [
    'a URL of another scheme',
    changed('https://orders.example', 'ftp://orders.example'),
    '8:5 downstreams.orders.url',
    /no http or https URL/,
  ],
  [
    'a rule of an unknown kind',
    changed('"group:crm-users"', 'role:admin'),
    '4:9 allow[0]',
    /no rule[^]*"group:…"/,
  ],
  ['a rule with a pattern', changed('"group:crm-users"', '"user:*"'), '4:9 allow[0]', /no patterns/],
  [
    'a symmetric algorithm',
    changed('issuer: https://idp.example,', 'issuer: https://idp.example, algorithms: [HS256],'),
    '2:52 login.algorithms[0]',
    /known words/,
  ],
  [
    'a network that is none',
    `${least}network: { allow: [10.0.0.0/33] }\n`,
    '13:20 network.allow[0]',
    /no IP address or CIDR/,
  ],
]

const secrets: readonly Row[] = [
  [
    'a secret inline',
    changed('secret: file:/run/secret', `secret: ${canary}`),
    '2:64 login.client.secret',
    /does not stand in the configuration[^]*file:/,
  ],
  [
    'a secret inline around a variable',
    changed('secret: file:/run/secret', `secret: "${canary}\${X}"`),
    '2:64 login.client.secret',
    /does not stand/,
    { env: { X: 'x' } },
  ],
  [
    'a static value inline',
    changed(exchange, `static: { per: all, owner: x, value: ${canary} }`),
    '9:35 downstreams.orders.static.value',
    /does not stand/,
  ],
  [
    'a key inline',
    changed('key: file:/run/key', `key: ${canary}${canary}`),
    '3:1 key',
    /from a file only|does not stand/,
  ],
  [
    'a key from the environment',
    changed('key: file:/run/key', 'key: ${KEY}'),
    '3:1 key',
    /from a file only/,
    { env: { KEY: canary } },
  ],
  [
    'a secret file that is missing',
    changed('file:/run/secret', 'file:/run/absent'),
    '2:64 login.client.secret',
    /there is no file \/run\/absent[^]*create it/,
  ],
  [
    'a secret file that is empty',
    least,
    '2:64 login.client.secret',
    /\/run\/secret is empty[^]*write the secret/,
    { files: { '/run/secret': '' } },
  ],
  [
    'a secret file of blanks',
    least,
    '2:64 login.client.secret',
    /client secret is empty/,
    { files: { '/run/secret': ' \n' } },
  ],
  [
    'a secret file of two lines',
    least,
    '2:64 login.client.secret',
    /line breaks/,
    { files: { '/run/secret': `${canary}\n${canary}\n` } },
  ],
  [
    'a secret in a variable where the name of its file belongs',
    changed('file:/run/secret', '"file:${TOKEN}"'),
    '2:64 login.client.secret',
    /there is no file file:\$\{TOKEN\}/,
    { env: { TOKEN: canary } },
  ],
  [
    'a secret file that begins with a blank',
    least,
    '2:64 login.client.secret',
    /begins or ends with a blank/,
    { files: { '/run/secret': ` ${canary}` } },
  ],
  [
    'a secret file that is not UTF-8',
    least,
    '2:64 login.client.secret',
    /not UTF-8/,
    { files: { '/run/secret': new Uint8Array([0xff, 0xfe, 0x41]) } },
  ],
  [
    'a secret variable that is not set',
    changed('file:/run/secret', '"${IDP_SECRET}"'),
    '2:64 login.client.secret',
    /IDP_SECRET is not set[^]*set IDP_SECRET/,
  ],
  [
    'a secret variable that is empty',
    changed('file:/run/secret', '"${IDP_SECRET}"'),
    '2:64 login.client.secret',
    /IDP_SECRET is empty/,
    { env: { IDP_SECRET: '' } },
  ],
  [
    'a variable that is not set',
    changed('https://crm.example', '"https://${HOST}"'),
    '1:1 url',
    /HOST is not set/,
  ],
  [
    'a variable with a default',
    changed('https://crm.example', '"https://${HOST:-x}"'),
    '1:1 url',
    /without the name of a variable/,
  ],
  [
    'a key that is too short',
    least,
    '3:1 key',
    /the key has 16 bytes[^]*32 random bytes/,
    { files: { '/run/key': new Uint8Array(16) } },
  ],
  [
    'a key within the data folder',
    changed('file:/run/key', 'file:data/key'),
    '3:1 key',
    /opens itself[^]*keep it elsewhere/,
    { files: { '/etc/sallyport/data/key': new Uint8Array(32) } },
  ],
  ['no key', changed('key: file:/run/key\n', ''), '1:1 key', /no key[^]*32 random bytes/],
]

const meaning: readonly Row[] = [
  ['no url', changed('url: https://crm.example\n', ''), '1:1 url', /missing[^]*address/],
  ['no login', changed(/login: .*/.exec(least)?.[0] ?? '', ''), '1:1 login', /who a person is[^]*issuer/],
  [
    'no server at all',
    'url: https://crm.example\nlogin: { issuer: https://idp.example }\nkey: file:/run/key\n',
    '1:1 server',
    /no server/,
  ],
  [
    'short and long form together',
    `${least}servers: { crm: { allow: [anyone] } }\n`,
    '4:1 allow',
    /short form[^]*under the server/,
  ],
  [
    'plain http to an issuer',
    changed('https://idp.example', 'http://idp.example'),
    '2:10 login.issuer',
    /plain http[^]*insecure: true/,
  ],
  [
    'plain http to a downstream',
    changed('https://orders.example', 'http://orders.example'),
    '8:5 downstreams.orders.url',
    /plain http/,
  ],
  [
    'plain http to the vault',
    `${least}vault: { address: http://bao:8200, login: { token: file:/run/other } }\n`,
    '13:10 vault.address',
    /plain http/,
  ],
  [
    'plain http to one of the nodes of the vault',
    `${least}vault: { address: ["https://bao-1:8200", "http://bao-2:8200"], login: { token: file:/run/other } }\n`,
    '13:42 vault.address[1]',
    /plain http/,
  ],
  [
    'plain http as our own address',
    changed('https://crm.example', 'http://crm.example'),
    '1:1 url',
    /write https/,
  ],
  [
    'listening beyond loopback',
    `${least}listen: { admin: 0.0.0.0:9183 }\n`,
    '13:11 listen.admin',
    /other machines[^]*insecure: true/,
  ],
  [
    'listening at a name',
    `${least}listen: { admin: example.org:80 }\n`,
    '13:11 listen.admin',
    /an address or localhost/,
  ],
  [
    'two faces at one address',
    `${least}listen: { admin: 127.0.0.1:9180 }\n`,
    '13:11 listen.admin',
    /egress listens there already/,
  ],
  [
    'a downstream that is our own admin face',
    changed('https://orders.example', 'http://localhost:9183'),
    '8:5 downstreams.orders.url',
    /one of our own faces/,
  ],
  [
    'a downstream that is our own url',
    changed('https://orders.example', 'https://crm.example/x'),
    '8:5 downstreams.orders.url',
    /one of our own faces/,
  ],
  [
    'a downstream that is the vault',
    `${changed('https://orders.example', 'https://bao:8200/v1')}vault: { address: https://bao:8200, login: { token: file:/run/other } }\n`,
    '8:5 downstreams.orders.url',
    /address of the vault/,
  ],
  [
    'a downstream that is one of the nodes of the vault',
    `${changed('https://orders.example', 'https://bao-2:8200/v1')}vault: { address: ["https://bao-1:8200", "https://bao-2:8200"], login: { token: file:/run/other } }\n`,
    '8:5 downstreams.orders.url',
    /address of the vault/,
  ],
  [
    'a downstream without a credential',
    changed(exchange, 'resource: orders'),
    '7:3 downstreams.orders',
    /how its credential is obtained[^]*exchange, client-credentials, provider, oauth, github-app, static/,
  ],
  [
    'a downstream with two credentials',
    changed(exchange, `${exchange}\n    static: { per: user }`),
    '10:5 downstreams.orders.static',
    /exchange stands beside it/,
  ],
  [
    'an exchange for nobody',
    changed('{ audience: orders-api, scope: orders.read }', '{}'),
    '9:5 downstreams.orders.exchange',
    /for whom[^]*audience/,
  ],
  [
    'an exchange at another issuer without a client',
    changed('audience: orders-api', 'audience: orders-api, issuer: https://other.example'),
    '9:5 downstreams.orders.exchange',
    /no client for this issuer/,
  ],
  [
    'an exchange with a public client',
    changed(', secret: file:/run/secret', ''),
    '9:5 downstreams.orders.exchange.client',
    /neither secret nor key/,
  ],
  [
    'a client with secret and key',
    changed('secret: file:/run/secret', 'secret: file:/run/secret, key: file:/run/other'),
    '2:90 login.client.key',
    /not both/,
  ],
  [
    'a shared value without an owner',
    changed(exchange, 'static: { per: all, value: file:/run/other }'),
    '9:5 downstreams.orders.static',
    /answers for[^]*owner/,
  ],
  [
    'a shared value without a value',
    changed(exchange, 'static: { per: all, owner: crm-team }'),
    '9:5 downstreams.orders.static',
    /no value/,
  ],
  [
    'a shared value too short to be found in answers',
    changed(exchange, 'static: { per: all, owner: crm-team, value: file:/run/other }'),
    '9:42 downstreams.orders.static.value',
    /fewer than 8 bytes[^]*guard: off/,
    { files: { '/run/other': 'seven77' } },
  ],
  [
    'an unknown way to guard',
    changed(exchange, `${exchange}\n    guard: always`),
    '10:5 downstreams.orders.guard',
    /none of the known words/,
  ],
  [
    'a value where each person has his own',
    changed(exchange, 'static: { per: user, value: file:/run/other }'),
    '9:26 downstreams.orders.static.value',
    /his own value/,
  ],
  [
    'a credential in a header that routes',
    changed(exchange, 'static: { per: user, header: Host }'),
    '9:26 downstreams.orders.static.header',
    /no header/,
  ],
  [
    'a use of an unknown downstream',
    changed('direct: [orders]', 'direct: [order]'),
    '5:10 direct[0]',
    /names no downstream[^]*did you mean "orders"\?/,
  ],
  [
    'a use of an unknown operation',
    changed('direct: [orders]', 'direct: ["orders GET /orders/{order}"]'),
    '5:10 direct[0]',
    /no such operation[^]*did you mean "orders GET \/orders\/\{id\}"/,
  ],
  [
    'a use of a downstream without operations',
    changed(/ {4}operations:[^]*/.exec(least)?.[0] ?? '', ''),
    '5:10 direct[0]',
    /no operations[^]*openapi/,
  ],
  [
    'a critical operation under direct',
    changed('class: write', 'class: critical').replace('[orders]', '["orders POST /orders"]'),
    '5:10 direct[0]',
    /within a tool call/,
  ],
  [
    'an operation of class never under direct',
    changed('class: write', 'class: never').replace('[orders]', '["orders POST /orders"]'),
    '5:10 direct[0]',
    /never done/,
  ],
  [
    'direct that permits nothing',
    changed('class: read }', 'class: write }'),
    '5:10 direct[0]',
    /permits nothing/,
  ],
  [
    'a tool below the class of what it uses',
    `${least}tools: { t: { class: read, uses: [orders POST /orders] } }\n`,
    '13:35 tools.t.uses[0]',
    /above the class of the tool/,
  ],
  [
    'an operation without a method',
    changed('"GET /orders/{id}"', '/orders'),
    '11:11 downstreams.orders.operations[0].op',
    /no method and path/,
  ],
  [
    'an operation with dot segments',
    changed('/orders/{id}"', '/orders/../x"'),
    '11:11 downstreams.orders.operations[0].op',
    /no \. or \.\./,
  ],
  [
    'a method in small letters',
    changed('"GET /orders/{id}"', 'get /orders'),
    '11:11 downstreams.orders.operations[0].op',
    /not in capitals/,
  ],
  [
    'two operations of one shape',
    changed('POST /orders,', '"GET /orders/{number}",'),
    '12:11 downstreams.orders.operations[1].op',
    /stands twice/,
  ],
  [
    'two things of one resource',
    changed(exchange, `resource: https://crm.example/mcp\n    ${exchange}`),
    '9:5 downstreams.orders.resource',
    /same resource/,
  ],
  [
    'a session that lives too long',
    `${least}session: { lifetime: 1h }\n`,
    '13:12 session.lifetime',
    /30s to 900s/,
  ],
  [
    'a skew of minutes',
    changed('issuer: https://idp.example,', 'issuer: https://idp.example, skew: 5m,'),
    '2:39 login.skew',
    /0s to 60s/,
  ],
  [
    'a vault with two kinds of login',
    `${least}vault: { address: https://bao, login: { token: file:/run/other, approle: { role: x, secret: file:/run/other } } }\n`,
    '13:32 vault.login',
    /exactly one of token and approle/,
  ],
  [
    'a vault without a login',
    `${least}vault: { address: https://bao }\n`,
    '13:1 vault',
    /exactly one of login and logins/,
  ],
  [
    'a vault with a CA that is none',
    `${least}vault: { address: https://bao, ca: /run/other, login: { token: file:/run/other } }\n`,
    '13:32 vault.ca',
    /no certificate in PEM/,
  ],
  [
    'a workload rule where no workload can sign in',
    changed('"group:crm-users"', '"workload:batch"'),
    '4:9 allow[0]',
    /no workload can sign in/,
  ],
  [
    'a client of no authorization server in particular, that any could be shown the secret of',
    changed(exchange, 'oauth: { client: { id: us, secret: "file:s" } }'),
    '9:14 downstreams.orders.oauth.client',
    /registered at[^]*give issuer/,
  ],
  [
    'sign-in here without a client at the IdP',
    changed('client: { id: sallyport, secret: file:/run/secret }', 'mode: broker'),
    '2:39 login.mode',
    /without a client there[^]*mode: direct/,
  ],
  [
    'an MCP client that nothing tells from others',
    `${least}clients: { desk: { servers: [main] } }\n`,
    '13:12 clients.desk',
    /nothing tells which client[^]*redirects/,
  ],
  [
    'an MCP client that is registered here and elsewhere',
    `${least}clients: { desk: { id: desk, cimd: "https://desk.example/c.json", redirects: ["https://desk.example/cb"] } }\n`,
    '13:30 clients.desk.cimd',
    /id stands beside it/,
  ],
  [
    'a secret of an MCP client that registers itself',
    `${least}clients: { desk: { redirects: ["https://desk.example/cb"], secret: file:/run/other } }\n`,
    '13:60 clients.desk.secret',
    /registered here/,
  ],
  [
    'a client by itself that nobody can tell from another',
    `${least}clients: { batch: { id: batch, grants: [client_credentials] } }\n`,
    '13:32 clients.batch.grants',
    /nobody can tell[^]*secret/,
  ],
  [
    'a client of the code flow without a way back',
    `${least}clients: { desk: { id: desk } }\n`,
    '13:12 clients.desk',
    /nowhere to send[^]*redirects/,
  ],
  [
    'two clients with one id',
    `${least}clients: { a: { id: x, redirects: ["https://a.example/"] }, b: { id: x, redirects: ["https://b.example/"] } }\n`,
    '13:61 clients.b',
    /a has the same client_id/,
  ],
  [
    'a client for a server that is not there',
    `${least}clients: { a: { id: x, redirects: ["https://a.example/"], servers: [crm] } }\n`,
    '13:69 clients.a.servers[0]',
    /no such server/,
  ],
  [
    'a metadata document at a bare host',
    `${least}clients: { a: { cimd: "https://a.example/" } }\n`,
    '13:17 clients.a.cimd',
    /with a path/,
  ],
  ...['javascript:alert(1)', 'http://a.example/cb', 'https://a.example/cb#x', '/cb'].map(
    (uri): Row => [
      `a redirect URI that is none: ${uri}`,
      `${least}clients: { a: { id: x, redirects: ["${uri}"] } }\n`,
      '13:36 clients.a.redirects[0]',
      /no redirect URI/,
    ],
  ),
  [
    'keys of a client that are private',
    `${least}clients: { a: { id: x, jwks: file:/run/jwks, redirects: ["https://a.example/"] } }\n`,
    '13:24 clients.a.jwks',
    /no JWK set[^]*public keys only/,
    { files: { '/run/jwks': '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"x","d":"x"}]}' } },
  ],
  [
    'a sign-in that ends before its tokens',
    `${least}sign_in: { access: 2h, absolute: 1h, idle: 10m }\n`,
    '13:24 sign_in.absolute',
    /shorter than access/,
  ],
  ['a leeway that is none', `${least}sign_in: { leeway: 10m }\n`, '13:12 sign_in.leeway', /out of range/],
  [
    'an OpenAPI document that is missing',
    changed(exchange, `${exchange}\n    openapi: ./api.yaml`),
    '10:5 downstreams.orders.openapi',
    /no file \/etc\/sallyport\/api\.yaml/,
  ],
  [
    'an OpenAPI document that is none',
    changed(exchange, `${exchange}\n    openapi: ./api.yaml`),
    '10:5 downstreams.orders.openapi',
    /no OpenAPI 3 document/,
    { files: { '/etc/sallyport/api.yaml': 'swagger: "2.0"' } },
  ],
  [
    'dev beyond loopback',
    'listen: { egress: { address: 0.0.0.0:9180, insecure: true } }\n',
    '1:11 listen.egress',
    /this machine only/,
    { form: 'dev' },
  ],
]

describe.each<[kind: string, rows: readonly Row[]]>([
  ['syntax', syntax],
  ['shape', shape],
  ['secrets', secrets],
  ['meaning', meaning],
])('a broken configuration (%s)', (_kind, rows) => {
  for (const [name, text, place, says, given] of rows) {
    it(`is refused with place, fault and remedy: ${name}`, async () => {
      const found = await faults(text, given)
      const here = found.filter((fault) => fault.startsWith(`${place}:`))
      expect(here, found.join('\n')).toHaveLength(1)
      expect(here[0]).toMatch(says)
      expect(here[0]?.split('\n    ')[1]).toMatch(/\S{2,}/)
      expect(found.join('\n')).not.toContain(canary)
    })
  }
})

describe('several faults', () => {
  it('are told in one run, in the order of their lines', async () => {
    const text = changed('https://idp.example', 'http://idp.example').replace(
      'https://orders.example',
      'http://orders.example',
    )
    expect((await faults(text)).map((it) => it.split(' ')[0])).toEqual(['2:10', '8:5'])
  })

  it('do not echo a secret that is misplaced among other faults', async () => {
    const text = `${least}secret: ${canary}\nallow2: [${canary}: ${canary}]\n`
    expect((await faults(text)).join('\n')).not.toContain(canary)
  })
})
