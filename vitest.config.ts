import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const conditions = ['sallyport-source', 'node', 'import', 'module', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Most tests wait for other processes and for time to pass: one worker leaves even two cores idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        // Whole programs start in some of them, and a machine may have other things to do.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**'],
          testTimeout: 15_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          exclude: ['test/real/sign-in/**'],
          globalSetup: ['test/kit/parts/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        // Every way to sign in: `npm run test:sign-in`, and no part of `npm test`.
        test: {
          name: 'sign-in',
          include: ['test/real/sign-in.test.ts', 'test/real/sign-in/**/*.test.ts'],
          globalSetup: ['test/kit/parts/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
