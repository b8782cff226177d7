// A token endpoint that is not ours, and an API behind it that takes its tokens: oidc-provider, set as the NHS API
// platform is: private_key_jwt with RS512 alone, client_credentials, /oauth2/token, five-minute assertions.
//
//     node server.mjs FOLDER CLIENT JWKS      prints its port, then {"tokens": n} for each token, a line each
//
// FOLDER is where scripts/oidc-peer.sh installed it.
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, client, jwks] = process.argv.slice(2);
const installed = join(folder, "node_modules", "oidc-provider", "lib", "index.js");
const { Provider, errors } = await import(pathToFileURL(installed));

const server = createServer();
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const address = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(address, {
  clients: [
    {
      client_id: client,
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "RS512",
      jwks: JSON.parse(jwks),
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  clientAuthMethods: ["private_key_jwt"],
  enabledJWA: { clientAuthSigningAlgValues: ["RS512", "RS384"] },
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  routes: { token: "/oauth2/token" },
  ttl: { ClientCredentials: 600 },
  async assertJwtClientAuthClaimsAndHeader(ctx, claims) {
    if (claims.exp > Date.now() / 1000 + 300) throw new errors.InvalidClientAuth("exp is too far ahead");
  },
});

const answer = provider.callback();
server.on("request", async (request, response) => {
  if (request.url !== "/api") return answer(request, response);
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const known = token ? await provider.ClientCredentials.find(token) : undefined;
  if (request.headers["x-withdraw"]) await known?.destroy();
  response.writeHead(known?.isValid ? 200 : 401, { "content-type": "application/json" });
  response.end(JSON.stringify({ client: known?.clientId ?? null, jti: known?.jti ?? null }));
});

console.log(server.address().port);
