import { Command } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { bootstrapCommand } from './commands/bootstrap.ts';
import { bridgeCommand } from './commands/bridge.ts';
import { checkCommand } from './commands/check.ts';
import { cleanUpCommand } from './commands/clean-up.ts';
import { completionCommand } from './commands/completion.ts';
import { dnsCommand } from './commands/dns.ts';
import { injectCommand } from './commands/inject.ts';
import { installCommand, upgradeCommand } from './commands/install.ts';
import { manifestsCommand } from './commands/manifests.ts';
import { operatorCommand } from './commands/operator.ts';
import { planCommand } from './commands/plan.ts';
import { prepareUpgradeCommand } from './commands/prepare-upgrade.ts';
import { adoptCommand } from './commands/adopt.ts';
import { deregisterCommand, registerCommand } from './commands/register.ts';
import { selfTestCommand } from './commands/self-test.ts';
import { statusCommand } from './commands/status.ts';
import { uninstallCommand } from './commands/uninstall.ts';
import { vmCommand } from './commands/vm.ts';
import { VERSION_OF_PRODUCT } from '../mesh/installation/version.ts';

/** All commands of `landbridge`. */
export function landbridgeProgram(): Command {
  const program = new Command('landbridge')
    .description('One service mesh for Kubernetes pods and off-cluster workloads, on Consul and stock Envoy')
    .version(VERSION_OF_PRODUCT)
    // Behind a command, an option is the command's: `vm invite --version v1` is not about this program.
    .enablePositionalOptions();

  for (const command of [
    planCommand(),
    statusCommand(),
    checkCommand(),
    injectCommand(),
    vmCommand(),
    registerCommand(),
    deregisterCommand(),
    adoptCommand(),
    installCommand(),
    upgradeCommand(),
    uninstallCommand(),
    dnsCommand(),
    manifestsCommand(),
    completionCommand(),
    operatorCommand(),
    bridgeCommand(),
    agentCommand(),
    bootstrapCommand(),
    selfTestCommand(),
    cleanUpCommand(),
    prepareUpgradeCommand(),
  ]) {
    program.addCommand(command);
  }
  sayWhereHelpIs(program, 'landbridge');
  return program;
}

/** Behind every error of the command line. Commander hands such settings on only to commands that it makes itself. */
function sayWhereHelpIs(command: Command, words: string): void {
  const says = command.commands.length > 0 ? 'lists the commands' : 'says what it takes';
  command.showHelpAfterError(`(${words} --help ${says})`);
  for (const below of command.commands) sayWhereHelpIs(below, `${words} ${below.name()}`);
}
