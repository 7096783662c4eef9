/** One request with Node's `http` or `https`, through the proxy that the environment names (NODE_USE_ENV_PROXY=1). */
import http from 'node:http'
import https from 'node:https'

const [method, url, body] = process.argv.slice(2)

function ask(target) {
  const { request } = target.startsWith('https:') ? https : http
  const sent = request(
    target,
    { method, headers: { 'content-length': Buffer.byteLength(body) } },
    (answer) => {
      const { statusCode: status, headers } = answer
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => {
        if (status === 302) ask(new URL(headers.location, target).href)
        else console.log(JSON.stringify({ status, body: text, url: target }))
      })
    },
  )
  sent.on('error', (error) => console.log(JSON.stringify({ error: error.message })))
  sent.end(body)
}

ask(url)
