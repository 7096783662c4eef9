/** How many inputs a fuzz test makes: a few by itself, more where `SALLYPORT_FUZZ_RUNS` says how many times as many. */
export function fuzzRuns(usual: number): number {
  return usual * Math.max(1, Number(process.env['SALLYPORT_FUZZ_RUNS'] ?? 1))
}
