import { expect } from 'chai';

import { localClient } from '../../../../agent/local-api/client.ts';

describe('a command on a machine whose agent does not run', () => {
  it('says the line that starts the agent now and at each boot, and where the reason is', async () => {
    const error = await localClient('/nowhere/agent.sock')
      .status()
      .catch((failure: unknown) => failure as Error);
    expect((error as Error).message).to.equal(
      'The agent is not running on this machine: systemctl enable --now landbridge-agent starts it, now and at each boot. ' +
        'If it ends again, journalctl -u landbridge-agent says why. Without systemd: landbridge agent run.',
    );
  });
});
