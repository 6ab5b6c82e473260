import { Command } from 'commander';

import { vmDoorsCommand } from './vm-doors.ts';
import { vmDrainCommand, vmUndrainCommand } from './vm-drain.ts';
import { vmInviteCommand } from './vm-invite.ts';
import { vmJoinCommand } from './vm-join.ts';
import { vmLeaveCommand } from './vm-leave.ts';
import { vmListCommand } from './vm-list.ts';
import { vmReleaseCommand } from './vm-release.ts';
import { vmRevokeCommand } from './vm-revoke.ts';
import { vmStatusCommand } from './vm-status.ts';
import { vmTestCommand } from './vm-test.ts';
import { vmUpgradeEnvoyCommand } from './vm-upgrade-envoy.ts';

/** `landbridge vm`: machines outside the cluster. */
export function vmCommand(): Command {
  const vm = new Command('vm').description('machines outside the cluster: invite, join, leave, look');
  for (const command of [
    vmInviteCommand(),
    vmJoinCommand(),
    vmStatusCommand(),
    vmTestCommand(),
    vmDrainCommand(),
    vmUndrainCommand(),
    vmUpgradeEnvoyCommand(),
    vmDoorsCommand(),
    vmLeaveCommand(),
    vmListCommand(),
    vmReleaseCommand(),
    vmRevokeCommand(),
  ]) {
    vm.addCommand(command);
  }
  return vm;
}
