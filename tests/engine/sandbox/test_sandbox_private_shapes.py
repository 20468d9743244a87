"""The rows of private answers and messages have the fields that Bybit's documentation shows.

The names are those of the examples in bybit-exchange/docs (commit 072c197d: order/open-order,
order/order-list, order/execution, position/position, position/close-pnl, account/wallet-balance,
account/transaction-log, account/account-info, websocket/private/…). What the sandbox has beside them is in
the tables of the same pages.
"""

import pytest
from sandbox_private_trader import START, Trader, flat, recorded

from engine.sandbox.market import GeneratedMarket
from engine.timeframes import HOUR_MS

ORDER = """
    orderId orderLinkId blockTradeId symbol price qty side isLeverage positionIdx orderStatus
    cancelType rejectReason avgPrice leavesQty leavesValue cumExecQty cumExecValue cumExecFee
    timeInForce orderType stopOrderType orderIv triggerPrice takeProfit stopLoss tpTriggerBy
    slTriggerBy triggerDirection triggerBy lastPriceOnCreated reduceOnly closeOnTrigger smpType
    smpGroup smpOrderId tpslMode tpLimitPrice slLimitPrice placeType slippageToleranceType
    slippageTolerance createdTime updatedTime extraFees cumFeeDetail rpiTakerAccess
    rpiMatchedQty
"""
EXECUTION = """
    symbol orderType underlyingPrice orderLinkId side indexPrice orderId stopOrderType leavesQty
    execTime feeCurrency isMaker execFee feeRate execId tradeIv blockTradeId markPrice execPrice
    markIv orderQty orderPrice execValue execType execQty closedSize extraFees seq
"""
POSITION = """
    positionIdx riskId riskLimitValue symbol side size avgPrice positionValue tradeMode
    positionStatus autoAddMargin adlRankIndicator leverage breakEvenPrice positionBalance
    markPrice liqPrice bustPrice positionMM positionMMByMp positionIM positionIMByMp tpslMode
    takeProfit stopLoss trailingStop unrealisedPnl curRealisedPnl cumRealisedPnl seq
    isReduceOnly mmrSysUpdateTime leverageSysUpdatedTime sessionAvgPrice createdTime updatedTime
"""
CLOSED = """
    symbol orderType leverage updatedTime side orderId closedPnl avgEntryPrice qty cumEntryValue
    createdTime orderPrice closedSize avgExitPrice execType fillCount cumExitValue
"""
WALLET = """
    totalEquity accountIMRate accountIMRateByMp totalMarginBalance totalInitialMargin
    totalInitialMarginByMp accountType totalAvailableBalance accountMMRate accountMMRateByMp
    totalPerpUPL totalWalletBalance accountLTV totalMaintenanceMargin totalMaintenanceMarginByMp
    coin
"""
COIN = """
    availableToBorrow bonus accruedInterest availableToWithdraw totalOrderIM equity
    totalPositionMM usdValue spotHedgingQty unrealisedPnl collateralSwitch borrowAmount
    totalPositionIM walletBalance cumRealisedPnl locked marginCollateral coin spotBorrow
"""
LOG = """
    transSubType id symbol side funding orderLinkId orderId fee change cashFlow transactionTime
    type feeRate bonusChange size qty cashBalance currency category tradePrice tradeId extraFees
"""
INFORMATION = """
    marginMode updatedTime unifiedMarginStatus dcpStatus timeWindow smpGroup isMasterTrader
    spotHedgingStatus
"""

POSITION_MESSAGE = POSITION.replace("avgPrice", "entryPrice").replace("mmrSysUpdateTime", "mmrSysUpdatedTime")
# not strings on the wire, as in the examples
NOT_TEXT = {
    *("positionIdx", "triggerDirection", "reduceOnly", "closeOnTrigger", "smpGroup", "cumFeeDetail"),
    *("rpiTakerAccess", "isMaker", "seq", "riskId", "tradeMode", "autoAddMargin", "adlRankIndicator"),
    *("isReduceOnly", "coin", "collateralSwitch", "marginCollateral"),
}


@pytest.fixture(scope="module")
def trader(tmp_path_factory):
    funding = [(START + HOUR_MS, 0.0001)]
    market = recorded(tmp_path_factory.mktemp("shapes") / "market", flat(60_000, 90), funding=funding)
    trader = Trader(market)
    trader.place("Buy", "0.1", stopLoss="59000")
    trader.wait(70)
    trader.place("Sell", "0.05")
    return trader


def check(row, names, more=()):
    assert set(row) - set(more) == set(names.split())
    assert {name for name, value in row.items() if not isinstance(value, str)} <= NOT_TEXT


def test_rows_of_the_lists(trader):
    check(trader.open_orders()[0], ORDER, ["createType"])
    check(trader.ask("order/history")["list"][0], ORDER, ["createType"])
    for row in trader.executions():
        check(row, EXECUTION, ["createType"])
    check(trader.position(), POSITION)
    check(trader.ask("position/closed-pnl")["list"][0], CLOSED, ["openFee", "closeFee"])
    for row in trader.ask("account/transaction-log")["list"]:
        check(row, LOG)
    [wallet] = trader.ask("account/wallet-balance", accountType="UNIFIED")["list"]
    check(wallet, WALLET)
    check(wallet["coin"][0], COIN)
    assert set(trader.ask("account/info")) == set(INFORMATION.split())


def test_rows_of_the_stream(trader):
    check(trader.told("order")[-1], ORDER, ["category", "createType", "closedPnl", "feeCurrency"])
    more = ["category", "createType", "isLeverage", "marketUnit", "execPnl"]
    for row in trader.told("execution"):
        check(row, EXECUTION, more)
    check(trader.told("position")[-1], POSITION_MESSAGE, ["category"])
    check(trader.told("wallet")[-1], WALLET)


def test_the_risk_id_of_a_position_is_that_of_its_tier(trader):
    """Ids are numbered across symbols: BTCUSDT has the first 35, in this market it is alone."""
    assert (trader.position()["riskId"], trader.position()["riskLimitValue"]) == (1, "2000000")
    eth = Trader(GeneratedMarket(seed=7), START).ask("position/list", symbol="ETHUSDT")["list"][0]
    assert (eth["riskId"], eth["riskLimitValue"]) == (36, "900000")


def test_numbers_are_written_as_bybit_writes_them(trader):
    position, bought = trader.position(), trader.executions()[0]
    assert (position["avgPrice"], position["size"], position["stopLoss"]) == ("60000.1", "0.050", "59000.00")
    assert (position["takeProfit"], position["liqPrice"]) == ("", "54271.50")
    assert (bought["execFee"], bought["feeRate"], bought["execQty"]) == ("3.3000055", "0.00055", "0.100")
