#!/usr/bin/env node
import { CommanderError } from 'commander'
import { loadEnvFile } from 'node:process'
import { describeError } from './describe-error.ts'
import { makeProgram } from './program.ts'

/** 0: done · 1: it could not be done · 2: the command line is wrong. */
async function run(): Promise<number> {
  try {
    // Names of the environment win over those of the file.
    loadEnvFile()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  try {
    await makeProgram().parseAsync()
    return Number(process.exitCode ?? 0)
  } catch (error) {
    // Has said what is wrong itself, or shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    process.stderr.write(`${describeError(error)}\n`)
    return 1
  }
}

process.exitCode = await run()
