import { registerHooks } from 'node:module';

/** Lets a child process of a test run our sources as they are: Node strips the types, but takes `./x.js` for a file that is there. */
registerHooks({
  resolve(specifier, context, next) {
    const ours = specifier.startsWith('.') && context.parentURL?.endsWith('.ts');
    return next(ours ? specifier.replace(/\.js$/, '.ts') : specifier, context);
  },
});
