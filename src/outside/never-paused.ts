/**
 * HTTP agents whose answers are never paused. undici 7 pauses its parser while nobody takes what it has read; when the other
 * side closes the connection in that moment, an assertion of its own fails in an event of the socket (`Parser.finish`), and
 * the process ends. 8 mends it, and needs Node 22. What is read here is bounded by whoever reads it, so nothing must wait.
 */
import { Agent, DecoratorHandler, type Dispatcher } from 'undici';

type Controller = Dispatcher.DispatchController;
type Handler = Required<Omit<Dispatcher.DispatchHandler, 'onBodySent' | 'onRequestSent' | 'onResponseStarted'>>;

/** `handler`: of undici's own, in its old form or the new one; the decorator gives it the new one. */
function unpaused(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  const inner = new DecoratorHandler(handler) as unknown as Handler;
  return {
    onRequestStart: (...all) => inner.onRequestStart(...all),
    onRequestUpgrade: (...all) => inner.onRequestUpgrade(...all),
    onResponseStart: (controller, ...rest) => inner.onResponseStart(deaf(controller), ...rest),
    onResponseData: (controller, ...rest) => inner.onResponseData(deaf(controller), ...rest),
    onResponseEnd: (...all) => inner.onResponseEnd(...all),
    onResponseError: (...all) => inner.onResponseError(...all),
  };
}

/** The same, but for its ears. */
const deaf = (controller: Controller): Controller =>
  ({
    get aborted() {
      return controller.aborted;
    },
    get paused() {
      return false;
    },
    get reason() {
      return controller.reason;
    },
    pause: () => undefined,
    resume: () => undefined,
    abort: (reason: Error) => controller.abort(reason),
  }) as Controller;

/** Through the given dispatcher, without its pauses. */
export const neverPaused = (dispatcher: Dispatcher): Dispatcher =>
  dispatcher.compose((dispatch) => (options, handler) => dispatch(options, unpaused(handler)));

/** For requests that need nothing of their own. */
export const calmAgent: Dispatcher = neverPaused(new Agent());
