/**
 * The reader of this program's output may stop early (`| head -1`). Later output is then dropped quietly, and the work goes on to its
 * end, so that no join or installation is left half made. Any other fault of an output (a full disk) ends the program with exit
 * code 1 and a sentence.
 */
export function quietPipes(process: NodeJS.Process): void {
  for (const output of [process.stdout, process.stderr])
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
      if (output !== process.stderr) process.stderr.write(`error: the output cannot be written: ${error.message}\n`);
      process.exit(1);
    });
}
