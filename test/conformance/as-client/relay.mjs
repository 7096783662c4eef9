/**
 * The command that the suite runs for each scenario: hands what the suite says of it to the process where sallyport is
 * (`driver.ts`), and ends as that says. Starting a whole sallyport each time would cost seconds.
 */
const {
  SALLYPORT_DRIVER,
  MCP_CONFORMANCE_SCENARIO,
  MCP_CONFORMANCE_PROTOCOL_VERSION,
  MCP_CONFORMANCE_CONTEXT,
} = process.env
const answer = await fetch(SALLYPORT_DRIVER, {
  method: 'POST',
  body: JSON.stringify({
    name: MCP_CONFORMANCE_SCENARIO,
    url: process.argv.at(-1),
    revision: MCP_CONFORMANCE_PROTOCOL_VERSION,
    context: JSON.parse(MCP_CONFORMANCE_CONTEXT ?? '{}'),
  }),
})
process.stdout.write(`${await answer.text()}\n`)
process.exitCode = answer.ok ? 0 : 1
