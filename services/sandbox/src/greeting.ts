import { SCRIPTED } from './people/scripted.js';
import type { Sandbox } from './sandbox.js';

/** What `npm run sandbox` prints: where everything is, how to begin, and who may be written to. */
export function greeting({ url, issuer, smtp, dir, operator }: Sandbox): string {
  const people = SCRIPTED.map(({ nationalId, case: name, story }) => `  ${nationalId}  ${name.padEnd(22)} ${story}`);
  return `Sandbox of the outer systems. Everybody in it is synthetic; nothing leaves this machine.

  Maskinporten      ${issuer}.well-known/oauth-authorization-server
  KRR               ${url}/rest/v2/personer
  Folkeregisteret   ${url}/folkeregisteret/offentlig-med-hjemmel/api/v1/personer/bulkoppslag
  Access point C2   ${url}/messages/out
  SMTP              ${smtp.host}:${smtp.port}
  Admin             ${url}/admin/counts
  Keys              ${dir}   (operator ${operator.organisation}, client ${operator.clientId})

Try it:
  TOKEN=$(curl -s ${url}/admin/tokens -H 'content-type: application/json' \\
    -d '{"organisation":"310000027","scope":"krr:global/kontaktinformasjon.read krr:global/digitalpost.read"}' \\
    | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s ${url}/rest/v2/personer -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\
    -d '{"personidentifikatorer":["${SCRIPTED[0]?.nationalId}"]}'

Recipients:
${people.join('\n')}
`;
}
