/** One request with Node's own `fetch`: as it takes its proxy from the environment, or with undici's agent set. */
const [method, url, body, agent] = process.argv.slice(2)

if (agent === 'undici') {
  const { EnvHttpProxyAgent, setGlobalDispatcher } = await import('undici')
  setGlobalDispatcher(new EnvHttpProxyAgent())
}

/** The causes that fetch hides in one another. */
function told(error) {
  return error === undefined ? [] : [error.message, ...told(error.cause)]
}

try {
  const answer = await fetch(url, { method, ...(body === '' ? {} : { body }) })
  console.log(JSON.stringify({ status: answer.status, body: await answer.text(), url: answer.url }))
} catch (error) {
  console.log(JSON.stringify({ error: told(error).join(': ') }))
}
